"""An image and words to a result, by torch: encoding (slow, no words), classifying (fast)."""
