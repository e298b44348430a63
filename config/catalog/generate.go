package catalog

//go:generate go run ./internal/generate -version 10.11 -func mariadb1011 -out mariadb_1011_table.go
//go:generate go run ./internal/generate -engine postgresql -version 15 -func postgresql15 -out postgresql_15_table.go
//go:generate go run ./internal/generate/redis -version 7.0 -func redis70 -out redis_70_table.go
