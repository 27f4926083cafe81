"""The edits: each looks at the state and returns a plan, or refuses in one sentence.

None of them changes anything; :class:`~napari_corrclip.annotation.session.Session` applies the plan and
records it.
"""
