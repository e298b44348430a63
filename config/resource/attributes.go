package resource

import "slices"

// Path is the path of something below a keyed block: Path("grant", "shop") is grant["shop"].
func Path(block, key string) string { return index(block, key) }

// index is a path below a keyed block: grant["shop"].
func index(block, key string) string { return block + `["` + quoteKey(key) + `"]` }

// putText sets a path unless the value is empty: an absent argument has no attribute.
func putText(out Attributes, path, value string) {
	if value != "" {
		out[path] = value
	}
}

// putList sets a path to a copy unless the list is empty.
func putList(out Attributes, path string, values []string) {
	if len(values) > 0 {
		out[path] = slices.Clone(values)
	}
}

// putDigest sets a path to what stands for a password that was supplied.
func putDigest(out Attributes, path string, password *Password) {
	if password != nil {
		putText(out, path, password.Digest)
	}
}

// Unmanaged tells whether a kind leaves an argument alone when the configuration leaves it out: then what is there, or what
// the cloud or the engine chose, is no difference. Every other argument that is left out is wanted absent.
func Unmanaged(kind Kind, path string) bool {
	switch kind {
	case KindInstance:
		switch path {
		case "volume.type", "volume.availability_zone", "availability_zone", "subnet", "fixed_ip", "region", "image", "image_tags", "image_sha256", "access.public_network", "logs":
			return true
		}
	case KindDatabase:
		return path != "instance" && path != "name"
	case KindUser:
		return path == "password"
	}
	return false
}

// LetsGo tells whether taking an Unmanaged argument out of the configuration is a change: logs end, and a database keeps the
// owner that it has.
func LetsGo(kind Kind, path string) bool {
	return kind == KindInstance && path == "logs" || kind == KindDatabase && path == "owner"
}
