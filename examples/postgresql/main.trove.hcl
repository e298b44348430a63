# PostgreSQL for a shop.

provider "openstack" {
  cloud = var.cloud
}

datastore "postgresql" {
  version "15" {
    image = lookup(var.images, "15", "postgresql-15")
  }
}

# A change of the first two is in force at once. The third one is written, and in force after a restart of the server.
config_group "oltp" {
  datastore = datastore.postgresql
  version   = "15"
  values = {
    work_mem                   = "8MB"
    log_min_duration_statement = "500ms"
    max_connections            = 60
  }
}

instance "shop" {
  datastore         = datastore.postgresql
  version           = "15"
  flavor            = var.flavor
  network           = var.network
  availability_zone = var.availability_zone
  config_group      = config_group.oltp

  # What may be restarted, and when: `restart = "if_required"` does it with the change, and every such step needs consent.
  restart = "never"

  volume {
    size = 1 # GiB
  }

  access {
    allowed_cidrs = var.allowed_cidrs
  }
}

database "db" {
  for_each = toset(["shop", "billing"])

  instance   = instance.shop
  name       = each.key
  encoding   = "UTF8"
  extensions = ["pg_trgm"]
}

# The owner of a database may do everything in it.
database "archive" {
  instance = instance.shop
  owner    = user.app
}

# The application makes its own tables in one database, and reads the invoices. A privilege on a database holds in all its
# schemas, for the tables of now and of later; `schema` and `tables` narrow it.
user "app" {
  instance         = instance.shop
  password         = var.app_password
  connection_limit = 20

  grant {
    database   = database.db["shop"]
    privileges = ["ALL"]
  }
  grant {
    database   = database.db["billing"]
    privileges = ["SELECT"]
  }
}

user "report" {
  instance         = instance.shop
  password         = var.report_password
  connection_limit = 5

  dynamic "grant" {
    for_each = database.db
    content {
      database   = grant.value
      privileges = ["SELECT"]
    }
  }
}

output "address" {
  value = instance.shop.address
}

output "port" {
  value = instance.shop.port
}
