"""Words that are names of towns as well, and in a request for help are nearly always meant as words.

They are still places behind “near”, with a state, as a county, or with a capital letter within the sentence.
"""

ORDINARY = frozenset(
    """
    active agency aid alert anchor archer arena arrest asap assist attention back badger ball banner bath battle bay
    beach bear bend best big blackhawk blue boat body bomb boundary branch bridge bright bronze brook brush camp
    canyon carbon care case cash casino castle cell center central chance chief child christmas church circle clay
    clear cliff climax cloud coal college commerce concert cook cool corn cover crane creek cross crown dam day deep
    deer defiance delta derby dispatch dive diver divide dog dogs door drill drone eagle early earth east echo edge
    elderly energy enterprise equality escape escort evening event evergreen export fair faith fall falls fate
    female festival field fire flag flat flood fog forest fort fountain free freedom friend friendly fugitive
    funeral gap gas gate gateway general gift gold golf good grace grand grant grants grass green ground group gun
    gunman guy hall hand happy harbor hatch hazard head heard help hill hockey holiday home hope horse hostage house
    hunter hurricane hurt ice independence industry inmate iron island jail job joy justice keeper key king kit lab
    lake land landing large last late lead liberty light line lion little long lost love magic major male man many
    marathon marine mark market meadows media men mental mile mill minor missing mobile model money mountain movie
    museum need new nice night normal north oak oasis ocean officer oil old one open orange outlook package page
    paint parade park parole patrol peace person pilot plain plains please point police pool port post power prairie
    pray price pride prison prisoner progress protection protest quiet race radio rain ranger rapid ravine ready
    real red regent rescue reserve ride ridge rifle riot river road robbery rock rodeo rough round roundup royal
    rule rush safe salt sand school scott sea search searchlight second secretary section security shelter shepherd
    sheriff shield ship shooter short sign silver sister site smoke snow south space speed spring springs square
    stadium star start station steel stone storm story stranded strong suicide summit sun sunrise sunset support
    surprise suspect suspicious swat swift team temple ten thermal threat tiger time tool tornado tower town trail
    trailer trainer training transport trap trial triumph trooper truck two union unit unity university urban valley
    van vehicle veteran victim victory view village vision wake walk wall war warden warrant water weed welcome west
    white wild will wind winter wolf woman women wood work worth wreck yard young
    """.split()
)


def is_ordinary(word: str) -> bool:
    """Whether it is such a word, or several of its kind: “woods” as “wood”."""
    return word in ORDINARY or word.removesuffix("s") in ORDINARY
