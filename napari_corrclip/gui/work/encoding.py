"""The encoding of the open session's image, in the background, for whoever needs the networks.

No Qt here. A session that was restored, as those of a project are, has no networks: all that takes features
(new classes, similar regions, splits by points) asks here first, is told in a sentence that it has to wait,
and is called when the image is encoded. Everything else goes on meanwhile.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from napari_corrclip._torch_import import prepare_imports
from napari_corrclip.annotation import Session
from napari_corrclip.annotation.encoded_cache import GIB, FeatureCache
from napari_corrclip.engine.networks import Networks
from napari_corrclip.engine.recipe import Recipe
from napari_corrclip.errors import InputError
from napari_corrclip.gui.image.picture import Picture
from napari_corrclip.gui.work.jobs import Jobs
from napari_corrclip.gui.work.said import Kind, Said, Tell
from napari_corrclip.gui.work.workspace import Opened, Workspace
from napari_corrclip.progress import Progress, Steps
from napari_corrclip.project.encoding import ShownRun, encode_steps, recipe_of

if TYPE_CHECKING:
    from napari_corrclip.engine.encoded_image import EncodedImage

ENCODED = "This image is encoded: new classes, similar regions and splits ask the networks now."
STOPPED = "Stopped; this image is not encoded. What you decided stays."


class Encoding:
    """The encoding of the image whose session is open, begun by the first who asks.

    Args:
        jobs: of which one runs at a time.
        workspace: has the session that is open.
        networks: are loaded, and kept for the next image.
        say: shows a sentence.
        progressed: gets every :class:`Progress`.
        failed: gets what the job raised.

    Attributes:
        folder_of: returns the folder of the project's item that is open; ``None``: none is.
        device: returns where it is computed, as of a recipe.
        may_fetch: asks whether weights of a recipe that are missing may be downloaded.
    """

    def __init__(
        self,
        jobs: Jobs,
        workspace: Workspace,
        networks: Networks,
        *,
        say: Tell,
        progressed: Callable[[Progress], object],
        failed: Callable[[Exception], object],
    ) -> None:
        self._jobs = jobs
        self._workspace = workspace
        self._networks = networks
        self._say = say
        self._progressed = progressed
        self._failed = failed
        self.folder_of: Callable[[], Path | None] = lambda: None
        self.device: Callable[[], str] = lambda: "auto"
        self.may_fetch: Callable[[Recipe], bool] = lambda _: True
        self._asked: dict[str, Callable[[], object]] = {}
        # Those that were encoded here, and let go of it: for the sake of memory, or by a person's wish.
        self._had: weakref.WeakSet[Session] = weakref.WeakSet()
        # Those of which it failed, or was refused by a person.
        self._without: weakref.WeakSet[Session] = weakref.WeakSet()
        # Those whose encoded image the cache had no room for, with its size.
        self._large: weakref.WeakKeyDictionary[Session, int] = weakref.WeakKeyDictionary()
        workspace.leaving.connect(lambda _: self.forget())
        workspace.opened.connect(self._opened)

    @property
    def is_of_set(self) -> bool:
        """Whether the image that is open is one of a project."""
        return self.folder_of() is not None

    @property
    def is_on(self) -> bool:
        """Whether the image is being encoded."""
        return self._jobs.is_of(self)

    def ask(
        self,
        what: str,
        then: Callable[[], object],
        *,
        clicks: bool = False,
        meanwhile: str = "assign, accept, merge and paint go on",
    ) -> str:
        """Have the image encoded for something, unless it is, or cannot be.

        Args:
            what: for what, in words: "similar regions"; who asks again for the same takes the place of who
                asked before.
            then: called when the session has its encoded image; not if that is given up.
            clicks: whether it is for clicks, which SAM alone answers.
            meanwhile: what is to be told besides.

        Returns:
            A sentence on what goes on; empty: nothing does, and whoever asks does without.
        """
        session = self._workspace.session
        if session is None or self._jobs.segmenting or not self._can(session, clicks=clicks):
            return ""
        self._asked[what] = then
        self.resume()
        return f"Encoding this image for {what}; {meanwhile}."

    def resume(self) -> None:
        """Begin with what was asked for while something else was at work, or go on after it."""
        session, picture = self._workspace.session, self._workspace.picture
        if self._jobs.running or not self._asked or session is None or picture is None:
            return
        if session.engine is not None:
            self._give()
            return
        steps = self._steps(session, picture, self.folder_of(), self.device())

        def done(made: tuple[EncodedImage, ShownRun]) -> None:
            self._done(session, *made)

        def failed(error: Exception) -> None:
            self._asked.clear()
            self._without.add(session)
            self._failed(error)

        self._jobs.start(
            steps,
            done=done,
            failed=failed,
            progressed=self._progressed,
            stopped=self._stopped,
            owner=self,
        )

    def forget(self) -> None:
        """Encode no more, and call nobody: another session comes, or a run that brings its own."""
        self._asked.clear()
        self._jobs.drop(self)

    def _opened(self, opened: Opened) -> None:
        if opened.session.engine is not None:
            self._had.add(opened.session)

    def _can(self, session: Session, *, clicks: bool) -> bool:
        if session.engine is not None or session in self._without:
            return False
        if session in self._had and not self.is_of_set:
            return False
        if self._large.get(session, 0) > session.timeline.cache.limit:
            return False
        try:
            recipe = recipe_of(session.provenance, self.device())
        except InputError:
            return False
        if clicks and recipe.regions != "sam":
            return False
        if not self.is_on and not self.may_fetch(recipe):
            self._without.add(session)
            return False
        return True

    def _steps(
        self, session: Session, picture: Picture, folder: Path | None, device: str
    ) -> Steps[tuple[EncodedImage, ShownRun]]:
        yield Progress("load the libraries", 0, 1)
        prepare_imports()
        run = ShownRun.of(session)
        yield Progress("read the image", 0, 1)
        pixels = picture.pixels
        encoded = yield from encode_steps(run, pixels, self._networks, folder=folder, device=device)
        return encoded, run

    def _done(self, session: Session, encoded: EncodedImage, run: ShownRun) -> None:
        if self._workspace.session is not session:
            return
        if not run.is_shown(session):  # another one came, or went, by an undo
            self.resume()
            return
        session.engine = encoded
        cache = session.timeline.cache
        if encoded in cache:
            self._say(Said(ENCODED, Kind.DONE))
        else:
            self._large[session] = encoded.nbytes
            self._say(Said(too_large_to_keep(encoded.nbytes, cache), Kind.WARNING))
        self._give()  # as long as it is held here, whatever the cache has room for

    def _give(self) -> None:
        asked, self._asked = self._asked, {}
        for then in asked.values():
            then()

    def _stopped(self) -> None:
        self._asked.clear()
        self._say(STOPPED)


def too_large_to_keep(nbytes: int, cache: FeatureCache) -> str:
    """Say that an encoded image is over the limit by itself, and what that means."""
    return (
        f"The encoded image ({nbytes / GIB:.2g} GiB) is more than the feature cache holds "
        f"({cache.limit / GIB:.2g} GiB) and was let go of: other classes need another run, or a "
        "higher limit under Advanced."
    )
