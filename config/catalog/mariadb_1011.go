package catalog

func mariadb1011() Version {
	return Version{Name: "10.11", Parameters: map[string]Parameter{}, Charsets: map[string][]string{"utf8mb4": {"utf8mb4_general_ci"}}}
}
