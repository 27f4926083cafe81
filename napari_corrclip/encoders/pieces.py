"""XLM-RoBERTa's tokenizer: SentencePiece, with the numbers that the text tower was trained with."""

from __future__ import annotations

from napari_corrclip.errors import InputError

_SPECIAL = ("<unk>", "<s>", "</s>")


class PieceTokenizer:
    """A tokenizer of XLM-RoBERTa from the bytes of its ``sentencepiece.bpe.model``.

    SentencePiece numbers <unk>, <s> and </s> first and then the pieces; the tower has <s>, <pad>, </s>
    and <unk> first, so that a piece's number is one higher, and <mask> last.

    Args:
        data: of the file, taken as untrusted.
        context_length: most tokens of a text, start and end token counted.

    Raises:
        InputError: the data are no such model.
    """

    sot_token_id = 0
    pad_token_id = 1
    eot_token_id = 2
    unknown_token_id = 3

    def __init__(self, data: bytes, context_length: int) -> None:
        import sentencepiece

        self.context_length = context_length
        try:
            self._processor = sentencepiece.SentencePieceProcessor(model_proto=data)
            first = tuple(self._processor.id_to_piece(i) for i in range(len(_SPECIAL)))
        except Exception as error:  # its own are RuntimeError and OSError, by version
            raise InputError(f"it is no model of SentencePiece ({type(error).__name__})") from None
        if first != _SPECIAL:
            raise InputError(
                f"it begins with the pieces {', '.join(first)}, where XLM-RoBERTa has "
                f"{', '.join(_SPECIAL)}"
            )

    @property
    def vocab_size(self) -> int:
        """Number of tokens: the pieces, <pad> and <mask>."""
        return int(self._processor.get_piece_size()) + 2

    def encode(self, text: str) -> list[int]:
        """Tokens of a text, without start and end token, of any number.

        The text is cleaned first as open_clip cleans it for such towers: mended, spaces joined.
        """
        from open_clip.tokenizer import get_clean_fn

        pieces = self._processor.encode(get_clean_fn("whitespace")(text))
        return [piece + 1 if piece else self.unknown_token_id for piece in pieces]
