"""Who asks, and what they may see (docs/decisions/0018).

identity   who somebody is, and a right they want. No I/O
reviews    the API server's word on both: TokenReview, SubjectAccessReview
memory     that word again for some seconds
viewer     one request's asker, as endpoints have it
gate       from a request to its viewer: everybody's, or by the API server
"""
