# MariaDB for a shop.

provider "openstack" {
  cloud = var.cloud
}

datastore "mariadb" {
  version "10.11" {
    image = lookup(var.images, "10.11", "mariadb-10.11")
  }
}

# A change of the first two is in force at once. The third one is written, and in force after a restart of the server.
config_group "oltp" {
  datastore = datastore.mariadb
  version   = "10.11"
  values = {
    max_connections            = 200
    wait_timeout               = 3600 # seconds
    table_open_cache_instances = 4
  }
}

instance "shop" {
  datastore         = datastore.mariadb
  version           = "10.11"
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

  instance  = instance.shop
  name      = each.key
  charset   = "utf8mb4"
  collation = "utf8mb4_unicode_ci"
}

# The application may do everything in its own database, and read the invoices.
user "app" {
  instance = instance.shop
  host     = "%" # from everywhere that `access` lets in; "10.20.%" would be one network
  password = var.app_password

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
  instance = instance.shop
  password = var.report_password

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
