# MySQL for a shop. Debian has no MySQL server, so the image is your own: a distribution's stock image and the packages to
# install into it, or one of diskimage-builder.

provider "openstack" {
  cloud = var.cloud
}

datastore "mysql" {
  version "8.0" {
    image    = lookup(var.images, "8.0", "mysql-8.0")
    packages = ["mysql-server"]
  }
}

config_group "oltp" {
  datastore = datastore.mysql
  version   = "8.0"
  values = {
    max_connections = 200
    wait_timeout    = 3600 # seconds
  }
}

instance "shop" {
  datastore         = datastore.mysql
  version           = "8.0"
  flavor            = var.flavor
  network           = var.network
  availability_zone = var.availability_zone
  config_group      = config_group.oltp

  volume {
    size = 1 # GiB
  }

  access {
    allowed_cidrs = var.allowed_cidrs
  }
}

database "db" {
  for_each = toset(["shop", "billing"])

  instance = instance.shop
  name     = each.key
  charset  = "utf8mb4"
}

user "app" {
  instance    = instance.shop
  host        = "10.20.%" # from this network alone
  password    = var.app_password
  require_tls = true

  grant {
    database   = database.db["shop"]
    privileges = ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE"]
  }
}

# The reports read two tables of the invoices, and all of the shop.
user "report" {
  instance         = instance.shop
  password         = var.report_password
  connection_limit = 5

  grant {
    database   = database.db["shop"]
    privileges = ["SELECT"]
  }
  grant {
    database   = database.db["billing"]
    tables     = ["invoices", "lines"]
    privileges = ["SELECT"]
  }
}

output "address" {
  value = instance.shop.address
}
