package ecssim

import "regexp"

// validName is what families, services and clusters may be called: "Up to 255
// letters (uppercase and lowercase), numbers, underscores, and hyphens"
// (the texts of refusals are the simulator's; https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html).
var validName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)
