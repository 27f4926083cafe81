"""Segment, correct and save from plain Python; needs no network and no screen.

python docs/correct.py
"""

import tifffile

import napari_corrclip as nc
from napari_corrclip.annotation import SmallGroup
from napari_corrclip.demo.scenes import generate_scene

# A photograph of yours: nc.annotate("photo.jpg", "cat, dog, sky", preset="vit-b-16")
scene = generate_scene(7)
session = nc.annotate(scene.image, "red square, red star, green star, white square, grass, sand")
print(session.table[["id", "class", "p", "margin", "area"]].to_string(index=False))

# What is sure is accepted in one step; the rest comes in the order in which a look is worth most.
print(session.accept_above(0.9).title)
queue = nc.Queue(session)
print(f"{queue.left.regions} regions left, {queue.left.share:.0%} of the image")
for _ in range(4):
    region = queue.next()
    if region is None or isinstance(region, SmallGroup):
        break
    if session.region(region).margin < 0.2:
        session.assign(region, queue.runner_up(region))
    else:
        session.accept(region)

# Regions are merged, split and painted; every edit can be undone.
first = int(session.ids[0])
session.merge([first, *list(session.neighbours(first))[:1]])
session.undo()
session.paint(([10, 10, 11, 11], [10, 11, 10, 11]), "sand")

# Another vocabulary costs milliseconds and takes no decision away.
session.set_vocabulary(session.vocabulary.add("blue circle"))

session.save("corrected")
tifffile.imwrite("labels.tif", session.labels)
names = {one.value: one.name for one in session.vocabulary}
print({names[value]: int((session.labels == value).sum()) for value in names})
