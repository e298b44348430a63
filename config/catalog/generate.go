package catalog

//go:generate go run ./internal/generate -version 10.11 -func mariadb1011 -out mariadb_1011_table.go
