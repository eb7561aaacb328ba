"""Every signal of the vocabulary, asked of one service: whole, or of one replica, region, version or slice.

queries.py  ask(service, scope): value, sentence, window and query of each; "cannot tell" with its reason
            standings(services): what the tree would say of each service this minute
"""
