# One directory, two environments. What differs stands in stage.trovevars.hcl and prod.trovevars.hcl; everything else is
# the same text for both, and is tried on stage before prod gets it.

trove {
  required_version = ">= 0.1"

  # In front of every name: prod-orders and stage-orders may live in one project.
  name_prefix = "${var.env}-"

  # One container for all runners, one state per environment. It is in a project of its own ("ops" in clouds.yaml), so
  # that those who may touch the databases of stage may not touch the state of prod.
  state "swift" {
    cloud     = "ops"
    container = "trove-state"
    key       = var.env
  }
}

# The first apply records this cloud in the state. The state of prod with the cloud of stage is refused from then on.
provider "openstack" {
  cloud = var.cloud
}

guest {
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

config_group "orders" {
  datastore = datastore.mariadb
  version   = "10.11"
  values = {
    max_connections = var.max_connections
  }
}

instance "orders" {
  datastore    = datastore.mariadb
  version      = "10.11"
  flavor       = var.flavor
  network      = var.network
  config_group = config_group.orders

  volume {
    size = var.volume_size # GiB
  }

  access {
    allowed_cidrs = var.allowed_cidrs
  }
}

database "shop" {
  instance = instance.orders
}

user "app" {
  instance  = instance.orders
  password  = var.app_password
  databases = [database.shop]
}

output "address" {
  description = "Where the database server of this environment listens"
  value       = instance.orders.address
}
