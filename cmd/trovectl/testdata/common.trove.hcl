# What the scripts have in common: the cloud they run on, and the way to the guests. The values are those of the cloud's
# file of variables; see CONTRIBUTING.

variable "cloud" {
  type = string
}
variable "flavor" {
  type = string
}
variable "network" {
  type = string
}
variable "volume_type" {
  type = string
}
variable "zone" {
  type = string
}
variable "images" {
  type    = map(string)
  default = {}
}
variable "ssh_port" {
  type = number
}
variable "source_cidrs" {
  type = list(string)
}
variable "allowed_cidrs" {
  type = list(string)
}
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
