# Databases whose agents are reached over a message broker.

trove {
  name_prefix = "amqp-" # also in front of the broker's vhosts and users
}

provider "openstack" {
  cloud = var.cloud
}

guest {
  # The preferred way: the guests connect to the broker, and trovectl leaves its requests there. They are encrypted and
  # authenticated: the broker's operators can neither read nor forge them.
  transport "amqp" {
    url            = var.broker.url
    guest_url      = var.broker.guest_url
    management_url = var.broker.management_url
    ca_file        = var.broker.ca_file
  }

  # The way when the broker is down. Leave it out, and no guest has an SSH port open.
  transport "ssh" {
    port         = var.ssh_port
    source_cidrs = var.source_cidrs
  }
}

datastore "mariadb" {
  version "10.11" {
    image = lookup(var.images, "10.11", "mariadb-10.11")
  }
}

instance "shop" {
  for_each = toset(["one", "two"])

  datastore = datastore.mariadb
  version   = "10.11"
  flavor    = var.flavor
  network   = var.network

  volume {
    size = 1
  }
  access {
    allowed_cidrs = var.allowed_cidrs
  }
}

# This one is reached over the broker alone.
instance "cellar" {
  datastore = datastore.mariadb
  version   = "10.11"
  flavor    = var.flavor
  network   = var.network

  volume {
    size = 1
  }
  access {
    allowed_cidrs = var.allowed_cidrs
  }
  guest {
    transports = ["amqp"]
  }
}

database "orders" {
  for_each = merge(instance.shop, { cellar = instance.cellar })

  instance = each.value
  name     = "orders"
}
