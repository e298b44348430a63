// Package unit is the systemd service that the agent runs as: images are built with it, and a guest that was born
// without an agent gets it with its user-data.
package unit

import _ "embed"

// Name is the service's name, and the last part of Path.
const Name = "trove-guestagent.service"

// Path is where the service belongs in a guest.
const Path = "/etc/systemd/system/" + Name

// Service is the text of the unit file.
//
//go:embed trove-guestagent.service
var Service string
