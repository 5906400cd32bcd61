module owamp-vectors/adapters/go

go 1.19
