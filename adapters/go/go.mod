module owamp-vectors/adapters/go

go 1.19

require owamp-vectors/vectors v0.0.0

replace owamp-vectors/vectors => ../../vectors
