namespace Mailquench.ExchangeSim.Exchange;

/// Which cmdlet does what. One that is in the catalogue but not here fails with NotImplementedException.
static class Behaviours
{
    static readonly Generic TransportService = Servers.PerServer("TransportService", "Microsoft.Exchange.Data.Directory.Management.TransportServer", "transport_service", onEdge: true);
    static readonly Generic FrontendTransportService = Servers.PerServer("FrontendTransportService", "Microsoft.Exchange.Data.Directory.Management.FrontendTransportServerPresentationObject", "frontend_transport_service", onEdge: false);
    static readonly Generic MailboxTransportService = Servers.PerServer("MailboxTransportService", "Microsoft.Exchange.Data.Directory.Management.MailboxTransportServerPresentationObject", "mailbox_transport_service", onEdge: false);

    public static readonly IReadOnlyDictionary<string, Action<Call>> All = new Dictionary<string, Action<Call>>(StringComparer.OrdinalIgnoreCase)
    {
        ["Add-ADPermission"] = AdPermissionCmdlets.Add,
        ["Get-ADPermission"] = AdPermissionCmdlets.Get,
        ["Remove-ADPermission"] = AdPermissionCmdlets.Remove,
        ["Get-ReceiveConnector"] = ReceiveConnectors.Get,
        ["New-ReceiveConnector"] = ReceiveConnectors.New,
        ["Remove-ReceiveConnector"] = ReceiveConnectors.Remove,
        ["Set-ReceiveConnector"] = ReceiveConnectors.Set,
        ["Get-SendConnector"] = Organisation.SendConnectors.Get,
        ["New-SendConnector"] = Organisation.SendConnectors.New,
        ["Remove-SendConnector"] = Organisation.SendConnectors.Remove,
        ["Set-SendConnector"] = Organisation.SendConnectors.Set,
        ["Add-IPBlockListEntry"] = IpBlockList.Add,
        ["Get-IPBlockListEntry"] = IpBlockList.Get,
        ["Remove-IPBlockListEntry"] = IpBlockList.Remove,
        ["Get-RemoteDomain"] = Organisation.RemoteDomains.Get,
        ["New-RemoteDomain"] = Organisation.RemoteDomains.New,
        ["Remove-RemoteDomain"] = Organisation.RemoteDomains.Remove,
        ["Set-RemoteDomain"] = Organisation.RemoteDomains.Set,
        ["Get-AcceptedDomain"] = Organisation.AcceptedDomains.Get,
        ["New-AcceptedDomain"] = Organisation.AcceptedDomains.New,
        ["Set-AcceptedDomain"] = Organisation.AcceptedDomains.Set,
        ["Get-TransportConfig"] = Organisation.TransportConfig.Get,
        ["Set-TransportConfig"] = Organisation.TransportConfig.Set,
        ["Get-EdgeSubscription"] = Organisation.EdgeSubscription,
        ["Get-EventLogLevel"] = Organisation.EventLogLevel,
        ["Get-Mailbox"] = Organisation.Mailboxes.Get,
        ["Get-TransportService"] = TransportService.Get,
        ["Set-TransportService"] = TransportService.Set,
        ["Get-FrontendTransportService"] = FrontendTransportService.Get,
        ["Set-FrontendTransportService"] = FrontendTransportService.Set,
        ["Get-MailboxTransportService"] = MailboxTransportService.Get,
        ["Set-MailboxTransportService"] = MailboxTransportService.Set,
        ["Get-TransportRule"] = TransportRules.Get,
        ["New-TransportRule"] = TransportRules.New,
        ["Set-TransportRule"] = TransportRules.Set,
        ["Remove-TransportRule"] = TransportRules.Remove,
        ["Enable-TransportRule"] = TransportRules.Enable,
        ["Disable-TransportRule"] = TransportRules.Disable,
        ["Get-ExchangeServer"] = Servers.Get,
        ["Get-OrganizationConfig"] = Servers.OrganizationConfig,
        ["Get-DatabaseAvailabilityGroup"] = Servers.Dags,
        ["Get-ServerComponentState"] = ComponentStates.Get,
        ["Set-ServerComponentState"] = ComponentStates.Set,
        ["Get-Queue"] = QueueViewer.Queues,
        ["Get-Message"] = QueueViewer.Messages,
        ["Suspend-Queue"] = QueueActions.SuspendQueue,
        ["Resume-Queue"] = QueueActions.ResumeQueue,
        ["Retry-Queue"] = QueueActions.RetryQueue,
        ["Suspend-Message"] = QueueActions.SuspendMessage,
        ["Resume-Message"] = QueueActions.ResumeMessage,
        ["Remove-Message"] = QueueActions.RemoveMessage,
        ["Export-Message"] = QueueActions.Export,
        ["Redirect-Message"] = QueueActions.Redirect,
        ["Get-QueueDigest"] = QueueActions.Digest,
        ["Get-MessageTrackingLog"] = Tracking.Log,
        ["Test-ServiceHealth"] = Tracking.ServiceHealth,
    };
}
