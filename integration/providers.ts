// Every provider of this repository, one a line: what the matrix and the scenarios run on.
