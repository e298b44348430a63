variable "broker" {
  type = object({
    url            = string
    guest_url      = optional(string)
    management_url = string
    ca_file        = optional(string)
  })
  description = "The message broker"
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

variable "source_cidrs" {
  type        = list(string)
  default     = ["127.0.0.0/8"]
  description = "From where trovectl reaches the guests when the broker is down"
}

variable "allowed_cidrs" {
  type        = list(string)
  default     = ["127.0.0.0/8"]
  description = "From where clients reach the databases"
}
