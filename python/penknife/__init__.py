"""The Python side of penknife. It lives in the zygote and in the workers that the zygote forks.

This file and bootstrap.py must parse under every Python, 2.7 included: a wrong interpreter gets a sentence, not a
SyntaxError.
"""
