"""What people look at: the page of a case, its pictures, and its folder of files."""
