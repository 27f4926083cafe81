"""Stock open_clip and timm towers behind two small protocols.

Nothing here is a fork: the towers' own modules are called, block by block, with the positional
embeddings and the attention that the method asks for. A tower that cannot be served so is refused
by name when it is handed in.
"""
