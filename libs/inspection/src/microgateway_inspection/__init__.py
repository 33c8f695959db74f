"""The firewall itself: a request in, a verdict with evidence out. Pure functions, no I/O.

Request     what is looked at: head and, where a parser reads it, the body
Field       one piece of it with a place: a parameter, a header value, a JSON value, a path segment
Policy      a ContentSecurity made ready: evaluates requests and cannot fail
RuleSet     the deny rules, compiled once into one linear-time scan
Threat      what was found: which rule or limit, where, what it looked like, whose resource
Verdict     Pass or Block, with every threat that was seen
Rewriter    header rewrites of one direction, made ready
"""
