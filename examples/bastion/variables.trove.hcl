variable "bastion" {
  type = object({
    host     = string
    port     = optional(number, 22)
    user     = optional(string, "ci")
    host_key = string
  })
  description = "The machine on the way to the guests"
}

variable "bastion_cidr" {
  type        = string
  description = "The address that the guests see when the bastion connects to them"
}

variable "key_file" {
  type        = string
  default     = null
  description = "The key for the bastion; without it: TROVE_SSH_KEY, or an ssh agent"
}

variable "cloud" {
  type        = string
  default     = "dev"
  description = "The entry of clouds.yaml"
}

variable "flavor" {
  type        = string
  default     = "db.tiny"
  description = "The size of the machines"
}

variable "images" {
  type        = map(string)
  default     = {}
  description = "The images by version of MariaDB, where they are not called mariadb-VERSION"
}

variable "network" {
  type        = string
  default     = "private"
  description = "The network that the clients use"
}

variable "ssh_port" {
  type        = number
  default     = 22
  description = "Where SSH listens in the guests; 2222 in the embedded OpenStack"
}

variable "allowed_cidrs" {
  type        = list(string)
  default     = ["127.0.0.0/8"]
  description = "From where clients reach the databases"
}
