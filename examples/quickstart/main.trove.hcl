# A small MariaDB service: one server, two databases, two users. Read it from top to bottom: each block rests on those
# above it. `trovectl plan` shows what would be done, `trovectl apply` does it.

trove {
  required_version = ">= 0.1"
}

# Where: an entry of clouds.yaml. "dev" is the embedded OpenStack that `trovectl dev up` starts.
provider "openstack" {
  cloud = var.cloud
}

# How trovectl reaches the agent in each server. Only source_cidrs may use that way; there is no default for it.
guest {
  transport "ssh" {
    port         = var.ssh_port
    source_cidrs = var.source_cidrs
  }
}

# What is offered: an engine, its versions, and the image that a server of each version starts from.
datastore "mariadb" {
  version "10.6" {
    image = lookup(var.images, "10.6", "mariadb-10.6")
  }
  version "10.11" {
    image = lookup(var.images, "10.11", "mariadb-10.11")
  }
  version "11.8" {
    image = lookup(var.images, "11.8", "mariadb-11.8")
  }
}

# Settings of the server. They are checked before anything is done: try a misspelled name, or a value that is out of range.
# A value that you remove here returns to its default.
config_group "small" {
  datastore = datastore.mariadb
  version   = var.mariadb_version
  values = {
    max_connections = 200 # changes while the server runs
    long_query_time = 2.5 # in seconds; so does this
  }
}

# The server: a machine with a data volume of its own.
instance "orders" {
  datastore         = datastore.mariadb
  version           = var.mariadb_version
  flavor            = var.flavor
  network           = var.network
  availability_zone = var.availability_zone
  config_group      = config_group.small

  volume {
    size = 1 # GiB; it may grow later, never shrink
  }

  # Who may connect to the database. Nobody, unless you say so.
  access {
    allowed_cidrs = var.allowed_cidrs
  }
}

# One block makes a database for each element: database.db["shop"] and database.db["billing"].
database "db" {
  for_each = toset(["shop", "billing"])

  instance = instance.orders
  name     = each.key
  charset  = "utf8mb4"
}

# The application writes to one database. Its password is a variable: it is never written to the state, the plan or a log.
user "app" {
  instance = instance.orders
  password = var.app_password

  grant {
    database   = database.db["shop"]
    privileges = ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE"]
  }
}

# The reports read both. Grants are authoritative: a privilege that somebody adds by hand is shown as drift and taken back.
user "report" {
  instance = instance.orders
  password = var.report_password

  dynamic "grant" {
    for_each = database.db
    content {
      database   = grant.value
      privileges = ["SELECT"]
    }
  }
}

# Known after apply: `mariadb -h ADDRESS -P PORT -u app -p shop`.
output "address" {
  description = "Where the database server listens"
  value       = instance.orders.address
}

output "port" {
  value = instance.orders.port
}
