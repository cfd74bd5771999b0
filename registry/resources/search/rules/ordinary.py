"""Words that are names of towns as well, and in a request for help are nearly always meant as words.

They are still places behind “near”, with a state, as a county, or with a capital letter within the sentence.
"""

ORDINARY = frozenset(
    """
    active agency aid alert anchor arrest asap assist attention back badger bath battle beach bear bend best big
    blue boat bomb bridge bright bronze brook brush canyon carbon care case cash castle cell center central
    chance chief child clay clear climax coal commerce concert cook cool corn cover crane cross crown dam day
    deep deer defiance delta dispatch dive diver dog dogs drill drone eagle early east edge elderly energy
    enterprise equality escape escort evening event export fair fall falls female festival field fire flag flat
    flood forest fort fountain free freedom friend friendly funeral gas gate general gift gold good grand grant
    grass green ground group gun gunman happy hazard head help hill hockey home hope horse hostage house
    hurricane ice industry inmate iron island jail job joy keeper key king kit lab lake land large last late
    lead liberty light line lion little lost love magic male man market meadows media men mental mill missing
    mobile model money mountain movie museum need new nice night normal north oak ocean officer oil old one open
    orange outlook package parade park parole patrol peace pilot plain plains please police pool port post power
    prairie price pride prison prisoner protection protest quiet race radio rain ranger rapid ready red regent
    rescue ride riot river road robbery rock rough round royal rush safe salt sand school scott sea search
    second security shelter shepherd sheriff ship shooter short sign silver sister site smoke snow south space
    speed spring springs square star station steel stone storm stranded strong suicide summit sun support
    surprise suspect suspicious swat team temple ten thermal threat tiger time tower town trail training
    transport trap triumph truck two union unit unity university urban valley van vehicle veteran victim victory
    view village vision walk wall war warrant water welcome west white wild wind winter wolf woman women wood
    work wreck yard young
    """.split()
)
