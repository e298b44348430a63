# Redis for the sessions of a shop.

provider "openstack" {
  cloud = var.cloud
}

datastore "redis" {
  version "7.0" {
    image = lookup(var.images, "7.0", "redis-7.0")
  }
}

# Names with a hyphen are written in quotes. A change of the first three is in force at once. The last one is written, and
# in force after a restart of the server.
config_group "sessions" {
  datastore = datastore.redis
  version   = "7.0"
  values = {
    "maxmemory-policy" = "volatile-lru"
    maxclients         = 500
    appendfsync        = "everysec"
    io-threads         = 2
  }
}

instance "sessions" {
  datastore         = datastore.redis
  version           = "7.0"
  flavor            = var.flavor
  network           = var.network
  availability_zone = var.availability_zone
  config_group      = config_group.sessions

  # What may be restarted, and when: `restart = "if_required"` does it with the change, and every such step needs consent.
  restart = "never"

  volume {
    size = 1 # GiB
  }

  access {
    allowed_cidrs = var.allowed_cidrs
  }
}

# Redis has no databases to declare. What a user may is written as the rules of ACL SETUSER: keys, channels, commands.
user "app" {
  instance = instance.sessions
  password = var.app_password
  acl      = ["~session:*", "&session:*", "+@all", "-@dangerous"]
}

user "report" {
  instance = instance.sessions
  password = var.report_password
  acl      = ["%R~session:*", "+@read", "+@connection"]
}

output "address" {
  value = instance.sessions.address
}

output "port" {
  value = instance.sessions.port
}
