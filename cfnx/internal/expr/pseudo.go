package expr

// Pseudo returns the value of a pseudo parameter of a stack in an account, "" where
// it is not known.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html
func Pseudo(name, account, region, partition string) string {
	switch name {
	case "AWS::AccountId":
		return account
	case "AWS::Region":
		return region
	case "AWS::Partition":
		return partition
	case "AWS::URLSuffix":
		switch partition {
		case "aws", "aws-us-gov":
			return "amazonaws.com"
		case "aws-cn":
			return "amazonaws.com.cn"
		case "aws-eusc":
			return "amazonaws.eu"
		}
	}
	return ""
}
