"""Small things that every room may use: errors, files, paths, command lines, progress, workers."""
