"""How the web side does with many studies: pages, API, live events, start and rest.

`python -m studies.bench` runs it. It needs no Django itself: databases are filled, pages served
and events written by processes of their own, whose data folders nobody else uses.
"""
