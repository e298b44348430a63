env             = "prod"
cloud           = "prod"
flavor          = "db.small"
volume_size     = 2
max_connections = 300
