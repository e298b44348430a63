env         = "stage"
cloud       = "stage"
flavor      = "db.tiny"
volume_size = 1
