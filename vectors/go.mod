module owamp-vectors/vectors

go 1.19
