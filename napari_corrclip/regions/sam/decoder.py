"""SAM's mask decoder over many points of one image.

A point has seven tokens or a few more (predicted IoU, four masks, the clicks) and the image 4096, so
what the cross attentions cost is the projection of the image's tokens. It is saved twice over:

* before the first layer the image is the same for every point: its projections are computed once;
* after it, each projection moves over to the few tokens of the other side, which is the same
  product in another order: q . (W x) = (W^T q) . x, and P (V W) = (P V) W.

Masks come last and only for those points whose predicted IoU was good enough. Both transposed
convolutions before them have stride = kernel, so that no pixel sees another one: they run as
products over the channels, and only the finished logits are laid out as pixels.

The decoder is that of the SAM paper (appendix A, "Lightweight mask decoder").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from segment_anything.modeling import Sam
from torch import Tensor
from torch.nn import functional as F

from napari_corrclip.encoders.activation import activated


@dataclass(frozen=True)
class Decoded:
    """The output of the transformer for B prompts, before any mask.

    Attributes:
        scores: (B, M) predicted IoU.
        tokens: (B, M, C) mask tokens.
        image: (B, N, C) the image as each prompt left it.
    """

    scores: Tensor
    tokens: Tensor
    image: Tensor


class PointDecoder:
    """segment-anything's prompt encoder and mask decoder over the points of one image.

    Args:
        sam: with prompt encoder and mask decoder in float32.
        features: (1, C, h, w) of the image encoder, on the same device.
        several: three masks a prompt instead of one.
    """

    def __init__(self, sam: Sam, features: Tensor, *, several: bool) -> None:
        self._prompts: Any = sam.prompt_encoder
        self._decoder: Any = sam.mask_decoder
        self._masks = slice(1, None) if several else slice(0, 1)
        self._grid = (int(features.shape[2]), int(features.shape[3]))
        image = features + self._prompts.no_mask_embed.weight.reshape(1, -1, 1, 1)
        self._image = _as_tokens(image)
        self._positions = _as_tokens(self._prompts.get_dense_pe())
        first = self._decoder.transformer.layers[0]
        placed = self._image + self._positions
        into, back = first.cross_attn_token_to_image, first.cross_attn_image_to_token
        self._keys = _heads(into, into.k_proj(placed))
        self._values = _heads(into, into.v_proj(self._image))
        self._queries = _heads(back, back.q_proj(placed))

    def decode(self, points: Tensor, labels: Tensor) -> Decoded:
        """Run the transformer.

        Args:
            points: (B, P, 2) float32, x and y in pixels of the encoder's frame.
            labels: (B, P) int, 1 on the thing, 0 beside it.
        """
        decoder = self._decoder
        prompts, _ = self._prompts(points=(points, labels), boxes=None, masks=None)
        # It joins them to an empty tensor of torch's default type.
        prompts = prompts.float()
        outputs = torch.cat([decoder.iou_token.weight, decoder.mask_tokens.weight])
        asked = torch.cat([outputs.expand(len(prompts), -1, -1), prompts], dim=1)
        tokens, image = self._transform(asked)
        scores: Tensor = decoder.iou_prediction_head(tokens[:, 0])
        of_masks = tokens[:, 1 : 1 + decoder.num_mask_tokens]
        return Decoded(scores[:, self._masks], of_masks[:, self._masks], image)

    def logits(self, decoded: Decoded, prompts: Tensor) -> Tensor:
        """Mask logits (K, M, 4 h, 4 w) of some of the prompts.

        Args:
            decoded: what :meth:`decode` returned.
            prompts: (K,) int64, which of them.
        """
        decoder = self._decoder
        first, norm, activation, second, last_activation = decoder.output_upscaling
        image = _quadruple(first, decoded.image[prompts])
        image = F.layer_norm(image, image.shape[-1:], norm.weight, norm.bias, norm.eps)
        image = _quadruple(second, activated(activation, image))
        image = activated(last_activation, image)
        tokens = decoded.tokens[prompts]
        heads = decoder.output_hypernetworks_mlps[self._masks]
        weights = torch.stack([head(tokens[:, i]) for i, head in enumerate(heads)], dim=-1)
        logits: Tensor = image.flatten(1, 5) @ weights
        # a cell's quarters, and the quarters of those, each (row, column)
        parts = logits.view(len(prompts), *self._grid, 2, 2, 2, 2, len(heads))
        laid = parts.permute(0, 7, 1, 3, 5, 2, 4, 6)
        return laid.flatten(5, 7).flatten(2, 4)

    def _transform(self, asked: Tensor) -> tuple[Tensor, Tensor]:
        """The two-way transformer over tokens (B, T, C); returns them and the image (B, N, C)."""
        transformer = self._decoder.transformer
        tokens, image = asked, self._image
        for index, layer in enumerate(transformer.layers):
            # The first layer has nothing to add its tokens to, and no positions yet.
            placed = tokens if layer.skip_first_layer_pe else tokens + asked
            seen = layer.self_attn(q=placed, k=placed, v=tokens)
            tokens = layer.norm1(seen if layer.skip_first_layer_pe else tokens + seen)
            into, back = layer.cross_attn_token_to_image, layer.cross_attn_image_to_token
            if index == 0:
                seen = self._look_first(into, tokens + asked)
            else:
                where = image + self._positions
                seen = _look(into, tokens + asked, where, image)
            tokens = layer.norm2(tokens + seen)
            tokens = layer.norm3(tokens + layer.mlp(tokens))
            if index == 0:
                scores = self._score_first(back, tokens + asked)
            else:
                scores = _score(back, where, tokens + asked)
            image = layer.norm4(_add_spread(back, image, scores, tokens))
        into = transformer.final_attn_token_to_image
        seen = _look(into, tokens + asked, image + self._positions, image)
        return transformer.norm_final_attn(tokens + seen), image

    def _look_first(self, attention: Any, tokens: Tensor) -> Tensor:
        """Tokens attend to the image that is the same for all of them."""
        queries = _heads(attention, attention.q_proj(tokens))
        shape = (len(queries), -1, -1, -1)
        seen = F.scaled_dot_product_attention(
            queries, self._keys.expand(shape), self._values.expand(shape)
        )
        merged: Tensor = attention.out_proj(seen.transpose(1, 2).flatten(2))
        return merged

    def _score_first(self, attention: Any, keys: Tensor) -> Tensor:
        """How the image that is the same for all looks at each prompt's tokens (B, N, heads, T)."""
        k = _heads(attention, attention.k_proj(keys))
        return torch.einsum("hnd,bhtd->bnht", self._queries[0], k)


def _look(attention: Any, tokens: Tensor, where: Tensor, what: Tensor) -> Tensor:
    """Tokens (B, T, C) attend to the image: keys (B, N, C), values (B, N, C)."""
    q = _heads(attention, attention.q_proj(tokens))
    # The keys' bias adds the same to all scores of a token, so that the softmax does not see it.
    folded = q @ _heads_of_weight(attention, attention.k_proj)
    scores = folded.flatten(1, 2) @ where.transpose(1, 2)
    shares = (scores * q.shape[-1] ** -0.5).softmax(dim=-1)
    seen = (shares @ what).view(folded.shape)
    values = seen @ _heads_of_weight(attention, attention.v_proj).transpose(1, 2)
    # Shares add up to 1, so that the values' bias comes through whole.
    merged: Tensor = attention.out_proj(values.transpose(1, 2).flatten(2) + attention.v_proj.bias)
    return merged


def _score(attention: Any, where: Tensor, keys: Tensor) -> Tensor:
    """Scores (B, N, heads, T) of the image's queries (B, N, C) and the tokens' keys (B, T, C)."""
    k = _heads(attention, attention.k_proj(keys))
    folded = (k @ _heads_of_weight(attention, attention.q_proj)).flatten(1, 2)
    bias = attention.q_proj.bias.unflatten(0, (attention.num_heads, -1))
    constant = torch.einsum("bhtd,hd->bht", k, bias).flatten(1)[:, None]
    scores = torch.baddbmm(constant, where, folded.transpose(1, 2))
    by_head: Tensor = scores.unflatten(2, (attention.num_heads, -1))
    return by_head


def _add_spread(attention: Any, image: Tensor, scores: Tensor, values: Tensor) -> Tensor:
    """The image (B, N, C) plus what it takes of the tokens' values (B, T, C) by its scores."""
    v = _heads(attention, attention.v_proj(values))
    shares = (scores * v.shape[-1] ** -0.5).softmax(dim=-1).flatten(2)
    out = attention.out_proj
    weight = out.weight.T.unflatten(0, (attention.num_heads, -1))
    # Each head's shares add up to 1, so that the bias can ride on the values.
    folded = v @ weight + out.bias / attention.num_heads
    return torch.baddbmm(image, shares, folded.flatten(1, 2))


def _heads(attention: Any, projected: Tensor) -> Tensor:
    """(B, T, C) as (B, heads, T, d)."""
    heads: Tensor = projected.unflatten(-1, (attention.num_heads, -1))
    return heads.transpose(-2, -3)


def _heads_of_weight(attention: Any, projection: Any) -> Tensor:
    """A projection's weight as (heads, d, C)."""
    weight: Tensor = projection.weight.unflatten(0, (attention.num_heads, -1))
    return weight


def _as_tokens(image: Tensor) -> Tensor:
    """(B, C, h, w) as (B, h * w, C)."""
    return image.flatten(2).transpose(1, 2).contiguous()


def _quadruple(convolution: Any, tokens: Tensor) -> Tensor:
    """A transposed convolution, kernel = stride = 2, on (..., C): (..., 2, 2, C')."""
    weight = convolution.weight.permute(0, 2, 3, 1)
    spread = F.linear(tokens, weight.flatten(1).T, convolution.bias.repeat(4))
    quarters: Tensor = spread.unflatten(-1, weight.shape[1:])
    return quarters
