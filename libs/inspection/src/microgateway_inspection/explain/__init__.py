"""Why a request passes or not, step by step, and what the smallest change is that would let it pass.

Received       a request as people describe it
explain        a gateway's configuration and a Received → Explanation
Explanation    the verdict, each step on the way to it, and a Remedy
Remedy         changes of resources, found and tried out in the same call
explain_block  a gateway's configuration and a BlockEvent → BlockExplanation

Nothing here is on the path of traffic. What is shown has no values of fields but what a rule matched,
masked as in the log.
"""
