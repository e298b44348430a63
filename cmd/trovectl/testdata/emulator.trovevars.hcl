# The embedded OpenStack, as `trovectl dev up` makes it. A file like this one describes another cloud to `make acceptance`.

image         = "mariadb-10.11"  # carries the agent and MariaDB 10.11
flavor        = "db.tiny"        # 256 MiB are enough for MariaDB with the tests' data
network       = "private"        # where the databases listen; the tests must reach it
volume_type   = "ssd"
other_flavor  = "db.small"
zone          = "az1"
other_zone    = "az2"            # only named in plans that are refused
ssh_port      = 2222             # of the guests
source_cidrs  = ["127.0.0.0/8"]  # from where the guests see the tests
allowed_cidrs = ["127.0.0.0/8"]  # the same for clients of the databases
