using System.Text;
using System.Text.RegularExpressions;
using Mailquench.ExchangeSim.Shell;

namespace Mailquench.ExchangeSim.Catalogue;

/// A documented cmdlet as an advanced function: its parameters are the engine's business, its work is Invoke-SimCmdlet's.
static partial class FunctionText
{
    // Types that a documented list of values is a true list for. Elsewhere it is examples, or flags that go together.
    static readonly HashSet<string> Enumerations = new(StringComparer.Ordinal)
    {
        "ServiceState", "ProtocolLoggingLevel", "SizeMode", "ServerRole", "ExtendedProtectionPolicySetting", "MessageRateSourceFlags",
        "AcceptedDomainType", "AllowedOOFType", "DSNConversionOption", "ShadowMessagePreference", "HeaderPromotionMode", "DetailsLevel",
        "RuleMode", "FromUserScope", "ToUserScope", "RuleErrorAction", "RuleSubType", "SenderAddressLocation", "NotifySenderType",
        "DisclaimerFallbackAction", "DisclaimerLocation", "TlsAuthLevel", "RuleState", "Importance", "MessageType", "ByteEncoderTypeFor7BitCharsetsEnum",
        "ContentType", "AutoDatabaseMountDial", "MalwareScanErrorAction", "SyncLogLoggingLevel",
    };

    public static string Body(DocumentedCmdlet cmdlet, ShellSettings settings)
    {
        settings.HiddenParameters.TryGetValue(cmdlet.Name, out HashSet<string>? hidden);
        var text = new StringBuilder("[CmdletBinding(");
        if (cmdlet.Sets.Count > 1) text.Append("DefaultParameterSetName='").Append(Default(cmdlet).Name).Append('\'');
        text.Append(")]param(");
        bool first = true;
        foreach (Parameter parameter in cmdlet.Parameters.Values)
        {
            if (hidden != null && hidden.Contains(parameter.Name)) continue;
            string attributes = Attributes(cmdlet, parameter);
            if (attributes.Length == 0) continue;
            if (!first) text.Append(',');
            first = false;
            text.Append(attributes);
            if (parameter.Aliases.Count > 0) text.Append("[Alias('").AppendJoin("','", parameter.Aliases).Append("')]");
            if (parameter.Values.Count > 0 && IsClosed(cmdlet, parameter))
                text.Append("[ValidateSet('").AppendJoin("','", parameter.Values).Append("')]");
            text.Append('[').Append(EngineType(parameter.Type)).Append("]$").Append(parameter.Name);
        }
        text.Append(")begin{try{Invoke-SimCmdlet ").Append(cmdlet.Name).Append(" -Begin $PSBoundParameters}catch{$PSCmdlet.ThrowTerminatingError($_)}}")
            .Append("process{try{Invoke-SimCmdlet ").Append(cmdlet.Name).Append(" $PSBoundParameters}catch{$PSCmdlet.ThrowTerminatingError($_)}}");
        return text.ToString();
    }

    // The first set; one that needs nothing before one that needs something.
    static ParameterSet Default(DocumentedCmdlet cmdlet) => cmdlet.Sets.FirstOrDefault(set => set.Mandatory.Count == 0) ?? cmdlet.Sets[0];

    static string Attributes(DocumentedCmdlet cmdlet, Parameter parameter)
    {
        var text = new StringBuilder();
        foreach (ParameterSet set in cmdlet.Sets)
        {
            bool mandatory = set.Mandatory.Contains(parameter.Name, StringComparer.OrdinalIgnoreCase);
            if (!mandatory && !set.Optional.Contains(parameter.Name, StringComparer.OrdinalIgnoreCase)) continue;
            var parts = new List<string>();
            if (cmdlet.Sets.Count > 1) parts.Add($"ParameterSetName='{set.Name}'");
            if (mandatory) parts.Add("Mandatory");
            int position = set.Positional.ToList().FindIndex(name => name.Equals(parameter.Name, StringComparison.OrdinalIgnoreCase));
            if (position >= 0) parts.Add($"Position={position}");
            if (parameter.Pipeline != null) parts.Add(Pipes(parameter));
            text.Append("[Parameter(").AppendJoin(',', parts).Append(")]");
        }
        return text.ToString();
    }

    static string Pipes(Parameter parameter) =>
        parameter.Pipeline!.Contains("byPropertyName") ? "ValueFromPipelineByPropertyName"
        : parameter.Name == "Identity" ? "ValueFromPipeline,ValueFromPipelineByPropertyName" : "ValueFromPipeline";

    static bool IsClosed(DocumentedCmdlet cmdlet, Parameter parameter) =>
        (Enumerations.Contains(parameter.Type) || (cmdlet.Name.EndsWith("ServerComponentState") && parameter.Name == "Requester"))
        && parameter.Values.All(value => Word().IsMatch(value));

    [GeneratedRegex("^[A-Za-z0-9]+$")]
    private static partial Regex Word();

    static string EngineType(string type) => type switch
    {
        "SwitchParameter" => "switch",
        "Boolean" or "System.Boolean" => "bool",
        "Int32" => "int",
        "Int64" => "long",
        "UInt32" => "uint32",
        "String" => "string",
        "DateTime" => "datetime",
        "EnhancedTimeSpan" => "timespan",
        "Guid" => "guid",
        _ => "object",
    };
}
