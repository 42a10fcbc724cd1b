package ecsx

import (
	"regexp"
	"strings"
)

// A reason is read as two answers: what ECS was doing for the task, and what
// went wrong with it. Neither depends on the other's words, so that a text
// nobody has seen is read as well (docs/aws/ecs.md 1.2).
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
type stage int

const (
	noStage       stage = iota
	replacing           // scaling, deploying, deleting: no failure
	killing             // the kernel ended a container
	pulling             // an image
	registryLogin       // the registry's credentials
	readingSecret       // a secret or parameter
	readingFile         // an environment file
	logging             // the log driver
	mounting            // a volume
	networking          // an elastic network interface
	placing             // on an instance or on Fargate
	starting            // a container
	depending           // on another container
	checking            // health
	hosting             // the host, Spot, maintenance, AWS itself
	stopping            // by somebody
	assuming            // the execution role
)

// stages are the words by which each is known, the most telling first.
var stages = []struct {
	stage
	gated
}{
	{replacing, gate(`^(?:Scaling activity initiated by|Service deleted|Service scaled)|initiated by \(?deployment`)},
	{killing, gate(`(?i)OutOfMemory(?:Error)?: container killed|killed due to memory usage|OOM-?killed`)},
	{checking, gate(`(?i)failed .{0,40}health ?checks?|health ?checks? failed|is unhealthy in`)},
	{assuming, gate(`(?i)(?:unable to|can't|cannot|could not|failed to) assume (?:the )?(?:execution )?role|AssumeRole`)},
	{depending, gate(`TaskDependencyError|dependency timed out|dependent container|dependency .* (?:failed|exited)`)},
	{logging, gate(`(?i)logger args|awslogs|Cloud[wW]atch log|logging driver|log driver`)},
	{registryLogin, gate(`(?i)ecr registry auth|registry auth from Amazon ECR|GetAuthorizationToken|repositoryCredentials|registry credentials`)},
	{pulling, gate(`(?i)CannotPull\w*|failed to resolve ref|pull image|image manifest|^API error \(404\): repository|manifest unknown`)},
	{readingFile, gate(`(?i)env(?:ironment)? ?files?|from s3`)},
	{readingSecret, gate(`(?i)\b(?:asm|ssm)\b|secrets? ?manager|\bsecrets?\b|ssm parameter`)},
	{networking, gate(`(?i)network interface|\bENI\b.*(?:attach|provision|creat|setup|configure)|configure ENI|subnet .*address|awsvpc|netlink|netplugin|security group|network namespace|ContainerNetworkingError|docker0`)},
	{placing, gate(`\bRESOURCE:|^(?:TaskFailedToStart: )?(?:AGENT|ATTRIBUTE|LOCATION|PORTS)\b|placement constraint|NO ACTIVE INSTANCES|EMPTY CAPACITY PROVIDER|(?i:capacity (?:is|was) (?:currently )?(?:un)?available|no container instances?|unable to place|capacity provider|insufficient (?:CPU|memory|GPU)|reached the limit on the number|account is (?:currently )?blocked)`)},
	{starting, gate(`mount callback failed`)},
	{mounting, gate(`(?i)\bEFS\b|\bEBS\b|CannotCreateVolume|\bvolumes?\b|mount target|\bmount(?:ing)?\b`)},
	{hosting, gate(`(?i)Spot .{0,20}interrupt|Host EC2|maintenance|\bretir(?:ed|ing|ement)\b|instance .{0,40}\bdrain(?:ed|ing)\b|underlying host|underlying infrastructure|(?:^|[.:] ?)InternalError|Server\.InternalError`)},
	{stopping, gate(`(?i)^Task stopped by|deregistration forced|UserInitiated`)},
	{starting, gate(`Cannot(?:Start|Create|Stop|Inspect)\w*Error|OCI runtime|\brunc\b|ContainerRuntime\w*Error|DockerTimeoutError|DockerStateError|ContainerNetworkingError|Could not transition to|failed to create new container`)},
	{starting, gate(`ResourceInitializationError|resource cannot be initialized`)},
}

type trouble int

const (
	noTrouble trouble = iota
	wrongPlatform
	noSpace
	tooMany
	notAllowed
	notReached
	badFormat
	notThere
	notRunnable
	portTaken
	distrusted
	badReference
	limited
	blocked
	tooSmall
)

// troubles are the words by which each is known, the most telling first: a text
// that suggests to check the network and ends with a denial is a denial.
var troubles = []struct {
	trouble
	gated
}{
	{wrongPlatform, gate(`(?i)descriptor matching platform|exec format error|no match(?:ing manifest)? for|platform .* does not match`)},
	{noSpace, gate(`(?i)no space left|devmapper|thin pool|disk quota|not enough (?:disk )?space`)},
	{tooMany, gate(`(?i)too ?many ?requests|\b429\b|rate limit|rate exceeded|throttl`)},
	{distrusted, gate(`(?i)x509|certificate`)},
	{badReference, gate(`(?i)invalid reference format|could not parse reference`)},
	{limited, gate(`(?i)reached the limit|quota`)},
	{blocked, gate(`(?i)account is (?:currently )?blocked`)},
	{tooSmall, gate(`(?i)memory limit allowed|cannot allocate memory`)},
	{notRunnable, gate(`(?i)exec user process caused|chdir to cwd|unable to find user|in passwd file|executable file not found|exec: .*(?:permission denied|no such file|not a directory)|container process.*(?:permission denied|no such file)`)},
	{portTaken, gate(`(?i)port is already allocated|address already in use`)},
	{notAllowed, gate(`(?i)access ?denied|not authorized|unauthorized|\b40[13]\b|\bdenied\b|is not allowed|insufficient_scope|authentication required|no basic auth credentials|token has expired|not have permission|NoCredentialProviders`)},
	{notReached, gate(`(?i)i/o timeout|dial tcp|connection (?:refused|reset|issue|timed out)|request cancell?ed|context (?:deadline|cancell?ed)|handshake timeout|no such host|signal: killed|network configuration|client\.timeout|send request failed|unexpected EOF|could not reach|network is unreachable|server misbehaving`)},
	{badFormat, gate(`(?i)invalid character|did not contain json key|unmarshal|not valid json|invalid json`)},
	{notThere, gate(`(?i)not ?found|not ?exist|manifest unknown|can't find|cannot find|\b404\b|no such|invalid (?:ssm )?parameters|failed to resolve "fs-|no longer available|is archived`)},
}

// heading opens texts of every kind of credential: it does not say which.
const heading = "unable to pull secrets or registry auth"

func (s saying) stage() stage {
	text := strings.Replace(s.text, heading, "", 1)
	at, folded := noStage, fold(text)
	for _, x := range stages {
		if x.match(text, folded) {
			at = x.stage
			break
		}
	}
	if len(text) < len(s.text) && (at == noStage || at == starting) {
		return readingSecret
	}
	return at
}

func (s saying) trouble() trouble {
	folded := fold(s.text)
	for _, x := range troubles {
		if x.match(s.text, folded) {
			return x.trouble
		}
	}
	return noTrouble
}

// cause judges one text; ok is false for one that tells nothing by itself.
func (s saying) cause() (c Cause, ok bool) {
	c = Cause{Container: s.container, Summary: firstLine(s.text)}
	at, why := s.stage(), s.trouble()
	c.Class, c.Next = judgeReason(at, why)
	if c.Class == "" {
		return c, false
	}
	c.Reference = s.reference(at)
	if m := roleARN.FindStringSubmatch(s.text); m != nil && at == assuming {
		c.Next = "check that role " + m[1] + " exists and that its trust policy allows ecs-tasks.amazonaws.com"
	}
	if why == notAllowed {
		if d := s.denial(); d != "" && c.Class != classStoppedByUser {
			c.Next = d
		}
	}
	return c, true
}

func judgeReason(at stage, why trouble) (class Class, next string) {
	const network = "check the network path: subnets, security groups, NAT or VPC endpoints"
	switch at {
	case replacing:
		return classReplaced, ""
	case killing:
		return classOutOfMemory, ""
	case checking:
		return classHealthCheck, ""
	case stopping:
		return classStoppedByUser, ""
	case hosting:
		return classInterrupted, "wait for the replacement; if it comes again, try again in another zone or ask AWS Support"
	case assuming:
		return classInitialization, "check that the execution role exists and that its trust policy allows ecs-tasks.amazonaws.com"
	case placing:
		switch why {
		case limited:
			return classCapacity, "wait for capacity, or ask for a higher quota"
		case blocked:
			return classCapacity, "ask AWS Support about the account"
		}
		return classCapacity, "wait or add capacity; look at the service's events for the attribute, port or agent that is missing"
	case networking:
		if why == notAllowed {
			return classInitialization, "check the service-linked role of ECS and the policies that keep it from the network interface"
		}
		return classInitialization, "try again; check the network: free addresses of the subnets and the quota of network interfaces"
	case depending:
		return classInitialization, "read the log of the container that it waits for, and compare its time with the start timeout"
	case pulling, registryLogin:
		switch why {
		case wrongPlatform:
			return classImagePlatform, ""
		case badReference:
			return classImageMissing, "mend the image's reference in the task definition"
		case distrusted:
			return classImagePull, "the registry's certificate is not trusted: use one of a public authority, or install its authority on the hosts"
		case noSpace:
			return classImagePull, "free disk space, or give the task more ephemeral storage"
		case tooMany:
			return classImagePull, "the registry limits pulls: log in to it, or pull through a cache"
		case notAllowed:
			return classImageDenied, "check that the image exists, then the execution role, the repository's policy and the registry's credentials"
		case notReached:
			return classImagePull, network + " to the registry"
		}
		if at == registryLogin {
			return classInitialization, "check the execution role and the network path to the registry"
		}
		if why == notThere {
			return classImageMissing, ""
		}
		return classImagePull, ""
	case readingSecret:
		switch why {
		case notAllowed:
			return classSecretDenied, ""
		case notReached, tooMany:
			return classInitialization, network + " to Secrets Manager and Systems Manager"
		case badFormat:
			return classSecretFormat, ""
		case notThere:
			return classSecretMissing, ""
		}
		return classInitialization, "check the secrets of the task definition and the execution role"
	case readingFile:
		switch why {
		case notAllowed:
			return classInitialization, "allow the execution role to read the environment file"
		case notReached:
			return classInitialization, network + " to S3, where the environment file is"
		}
		return classInitialization, "check that the environment file exists and can be reached"
	case logging:
		switch why {
		case notAllowed:
			return classInitialization, "allow the execution role to create the log stream, or the log group"
		case notReached:
			return classInitialization, network + " to CloudWatch Logs; check that the log group exists"
		case notThere:
			return classLogGroupMissing, ""
		}
		return classInitialization, "check the log configuration of the task definition"
	case mounting:
		if why == noSpace {
			return classInitialization, "free disk space for the volume"
		}
		return classInitialization, "check the volume: that the file system exists, its mount targets, security groups and policy"
	case starting:
		switch why {
		case notRunnable:
			return classCommand, ""
		case wrongPlatform:
			return classImagePlatform, ""
		case noSpace:
			return classInitialization, "free disk space on the instance, or replace it"
		case tooSmall:
			return classInitialization, "raise the container's memory"
		case notThere:
			return classInitialization, "check the image, and the files and devices that the task definition names"
		case portTaken:
			return classInitialization, "another task has the host port: use dynamic ports or more instances"
		}
		return classInitialization, ""
	}
	return "", ""
}

var denialRE = regexp.MustCompile(`not authorized to perform: ([\w:*-]+)(?: on (?:the )?resource:? "?([^\s"]+))?`)

var roleRE = regexp.MustCompile(`assumed-role/([^/\s]+)`)

// roleARN is where a text names a role that was to be assumed.
var roleARN = regexp.MustCompile(`:role/(?:[^\s'"]*/)?([\w+=,.@-]+)`)

// denial names the role, the action and the resource of a refused call.
func (s saying) denial() string {
	m := denialRE.FindStringSubmatch(s.text)
	if m == nil {
		if strings.Contains(s.text, "KMS") {
			return "allow the execution role kms:Decrypt on the key of the secret"
		}
		return ""
	}
	role := "the execution role"
	if r := roleRE.FindStringSubmatch(s.text); r != nil {
		role = "role " + r[1]
	}
	out := "allow " + role + " " + m[1]
	if r := strings.Trim(m[2], `.,"`); r != "" && r != "*" {
		out += " on " + r
	}
	return out
}

// references are where a text names the thing that is meant, by stage.
var references = map[stage][]*regexp.Regexp{
	pulling: {
		regexp.MustCompile(`failed to resolve ref(?:erence)? "?([^\s"]+?)"?:? `),
		regexp.MustCompile(`manifest for (\S+) not found`),
		regexp.MustCompile(`not found in repository (\S+)`),
		regexp.MustCompile(`repository (\S+) not found`),
		regexp.MustCompile(`\bimage (\S+) not found`),
		regexp.MustCompile(`pull access denied for ([^\s,]+)`),
	},
	readingSecret: {
		regexp.MustCompile(`(arn:[\w-]+:(?:secretsmanager|ssm):[^\s',"]+)`),
		regexp.MustCompile(`invalid (?:ssm )?parameters: (\S+)`),
	},
	logging: {
		regexp.MustCompile(`log-group:([^:\s]+)`),
	},
	mounting: {
		regexp.MustCompile(`\b(fs-[0-9a-f]+)`),
	},
}

func (s saying) reference(at stage) string {
	for _, re := range references[at] {
		if m := re.FindStringSubmatch(s.text + " "); m != nil {
			return strings.TrimRight(m[1], ".:,")
		}
	}
	return ""
}
