# The guests are in a network that the runner cannot reach. One connection to a bastion carries those to all guests.

provider "openstack" {
  cloud = var.cloud
}

guest {
  transport "ssh" {
    # The caller's key for the bastion; or TROVE_SSH_KEY (the key itself, as CI keeps it), or an ssh agent. The keys for the
    # guests are derived from the master key: nobody handles them, and the bastion never sees them.
    private_key_file = var.key_file
    port             = var.ssh_port

    # The guests see the bastion, so it is the bastion that their security group lets in.
    source_cidrs = [var.bastion_cidr]

    bastion {
      host = var.bastion.host
      port = var.bastion.port
      user = var.bastion.user

      # Pinned: `ssh-keyscan -t ed25519 bastion.example.org` prints it, behind the name. Compare it with what the bastion's
      # owner says.
      host_key = var.bastion.host_key
    }
  }
}

datastore "mariadb" {
  version "10.11" {
    image = lookup(var.images, "10.11", "mariadb-10.11")
  }
}

instance "db" {
  for_each = toset(["orders", "billing"])

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

database "main" {
  for_each = instance.db

  instance = each.value
  name     = each.key
}

output "addresses" {
  value = { for name, i in instance.db : name => i.address }
}
