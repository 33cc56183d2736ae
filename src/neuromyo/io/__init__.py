"""The only room that opens user data: files in, checked at the door; results out, whole or not at all."""
