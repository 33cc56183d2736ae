"""The only room that opens user data: files in, checked at the door; derivatives and tables out, written whole or not at all."""
