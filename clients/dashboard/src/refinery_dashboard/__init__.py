"""The dashboard: a small web server beside Refinery, and a client of its protocol like any other.

What happens on the server: follower.py hears it, board.py holds it, web.py tells the open pages.
What a person asks for: web.py takes it, asking.py makes it a call. guard.py keeps strangers out.
"""
