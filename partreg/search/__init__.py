"""From a folder of pictures to an answer: search it, tell whether two pictures show one vehicle, group it, judge it."""
