"""Whether an object may be stored. Pure; the words are those of the compiler.

resource    our kinds: errors deny, warnings are shown
references  what an object refers to, for warnings about what is not there yet
pod         labelled pods: the gateway is in there, and nobody shares its user
"""
