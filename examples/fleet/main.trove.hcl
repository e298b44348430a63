# Many databases from one map: a service gets an instance of its own, its databases, and users that may read or write.
# A new service is one more entry of var.services.

provider "openstack" {
  cloud = var.cloud
}

guest {
  transport "ssh" {
    port         = var.ssh_port
    source_cidrs = var.source_cidrs
  }
}

locals {
  # One element for each database of each service: "orders/shop" and so on.
  databases = {
    for pair in flatten([
      for service, s in var.services : [
        for name in s.databases : { service = service, name = name }
      ]
    ]) : "${pair.service}/${pair.name}" => pair
  }

  # Every service has the same users. What a role may do is said once.
  roles = {
    app    = ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE"]
    report = ["SELECT"]
  }
  users = {
    for pair in setproduct(keys(var.services), keys(local.roles)) : "${pair[0]}/${pair[1]}" => { service = pair[0], role = pair[1] }
  }
}

datastore "mariadb" {
  version "10.11" {
    image = lookup(var.images, "10.11", "mariadb-10.11")
  }
}

# One config group for the whole fleet: change a value here and the plan lists every instance that it reaches.
config_group "fleet" {
  datastore = datastore.mariadb
  version   = "10.11"
  values = {
    long_query_time = 1
    max_connections = 150
  }
}

instance "service" {
  for_each = var.services

  datastore    = datastore.mariadb
  version      = "10.11"
  flavor       = coalesce(each.value.flavor, var.flavor)
  network      = var.network
  config_group = config_group.fleet

  volume {
    size = each.value.size
  }

  access {
    allowed_cidrs = var.allowed_cidrs
  }
}

database "db" {
  for_each = local.databases

  instance = instance.service[each.value.service]
  name     = each.value.name
}

user "user" {
  for_each = local.users

  instance = instance.service[each.value.service]
  name     = each.value.role
  password = var.passwords[each.key]

  dynamic "grant" {
    for_each = var.services[each.value.service].databases
    content {
      database   = database.db["${each.value.service}/${grant.value}"]
      privileges = local.roles[each.value.role]
    }
  }
}

output "addresses" {
  description = "Where each service finds its database"
  value       = { for service, i in instance.service : service => i.address }
}
