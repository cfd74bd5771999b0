"""The main job, played over HTTP against a real server: from a signed agreement to its scorecard.

The agencies imported are real and public; those that act are obviously fictional, since their agreements and loans are.
"""
