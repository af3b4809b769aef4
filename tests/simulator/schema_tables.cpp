#include "tests/simulator/schema.hpp"

#include <map>

namespace zohosim {

namespace {

// Notation: api_name:type[:length or lookup target][!][-][~] separated by blanks.
// `!` mandatory, `-` hidden in the view, `~` read only.

constexpr auto leads =
    "Company:text:200 First_Name:text:40- Last_Name:text:80-! Designation:text:100 Email:email:100 "
    "Phone:phone:30 Fax:text:30 Mobile:phone:30 Website:website:255 Lead_Source:picklist:120 "
    "Lead_Status:picklist:120 Industry:picklist:120 No_of_Employees:integer:9 "
    "Annual_Revenue:currency:16 Rating:picklist:120 Full_Name:full_name:120- Street:text:250 "
    "City:text:100 State:text:100 Country:text:100 Zip_Code:text:30 Description:textarea:32000 "
    "Skype_ID:text:50 Email_Opt_Out:boolean Salutation:picklist:25 Secondary_Email:email:100 "
    "Last_Activity_Time:datetime Twitter:text:50 Layout:layout Record_Image:profileimage "
    "Converted_Date_Time:converted_time- Lead_Conversion_Time:integer:9 "
    "Unsubscribed_Mode:picklist~ Unsubscribed_Time:datetime~ Converted_Account:converted:Accounts~ "
    "Converted_Contact:converted:Contacts~ Converted_Deal:converted:Deals~ "
    "Territories:territories~ Change_Log_Time__s:datetime-~ Converted__s:converted_flag-~ "
    "Locked__s:boolean-~ Last_Enriched_Time__s:datetime-~ Enrich_Status__s:picklist-~ "
    "Wizard:bigint:50 Last_Visited_Time:datetime First_Visited_Time:datetime "
    "First_Visited_URL:website:3000 Referrer:website:3000 Average_Time_Spent_Minutes:double:16 "
    "Number_Of_Chats:integer:9 Days_Visited:integer:9 Visitor_Score:bigint:19 "
    "Data_Source:picklist-~ Interests:multiselectpicklist:1000 Rich_Notes:richtext:50000 "
    "Score_Percent:percent:5 Discount_Formula:formula:16~ Attachments_File:fileupload "
    "Photos:imageupload Interested_Listings:multiselectlookup:Products Languages_Known:subform "
    "Open_Tasks:rollup_integer:9~ Latest_Call:rollup_datetime:120~ Main_Vendor:lookup:Vendors "
    "Lead_Number:autonumber:40~ Helpers:multiuserlookup";

constexpr auto contacts =
    "Email:email:100 Secondary_Email:email:100 First_Name:text:40- Last_Name:text:80-! "
    "Full_Name:full_name:120- Salutation:picklist:25 Account_Name:lookup:Accounts "
    "Vendor_Name:lookup:Vendors Reporting_To:lookup:Contacts Title:text:100 Department:text:50 "
    "Phone:phone:50 Mobile:phone:30 Home_Phone:phone:30 Other_Phone:phone:30 Asst_Phone:phone:30 "
    "Assistant:text:50 Fax:text:30 Date_of_Birth:date Lead_Source:picklist Email_Opt_Out:boolean "
    "Skype_ID:text:50 Twitter:text:50 Description:textarea:32000 Mailing_Street:text:250 "
    "Mailing_City:text:100 Mailing_State:text:100 Mailing_Country:text:100 Mailing_Zip:text:30 "
    "Other_Street:text:250 Other_City:text:100 Other_State:text:100 Other_Country:text:100 "
    "Other_Zip:text:30 Last_Activity_Time:datetime Record_Image:profileimage "
    "Territories:territories~ Unsubscribed_Mode:picklist~ Unsubscribed_Time:datetime~ "
    "Enrich_Status__s:picklist-~ Last_Enriched_Time__s:datetime-~ Change_Log_Time__s:datetime-~ "
    "Data_Source:picklist-~ Data_Processing_Basis:picklist Data_Processing_Basis_Details:consent "
    "First_Visited_Time:datetime First_Visited_URL:website:3000 Referrer:website:3000 "
    "Days_Visited:integer:9 Number_Of_Chats:integer:9 Average_Time_Spent_Minutes:double:16 "
    "Visitor_Score:bigint:19 Last_Visited_Time:datetime Layout:layout Locked__s:boolean-~";

constexpr auto accounts =
    "Account_Name:text:200! Account_Number:bigint:19 Account_Site:text:80 Account_Type:picklist "
    "Parent_Account:lookup:Accounts Industry:picklist Annual_Revenue:currency:16 "
    "Employees:integer:9 Ownership:picklist Rating:picklist SIC_Code:integer:9 "
    "Ticker_Symbol:text:30 Website:website:255 Phone:phone:30 Fax:text:30 "
    "Description:textarea:32000 Billing_Street:text:250 Billing_City:text:100 "
    "Billing_State:text:100 Billing_Code:text:30 Billing_Country:text:100 Shipping_Street:text:250 "
    "Shipping_City:text:100 Shipping_State:text:100 Shipping_Code:text:30 "
    "Shipping_Country:text:100 Last_Activity_Time:datetime Record_Image:profileimage "
    "Territories:territories~ Enrich_Status__s:picklist-~ Last_Enriched_Time__s:datetime-~ "
    "Change_Log_Time__s:datetime-~ Layout:layout Locked__s:boolean-~ Open_Deals:rollup_integer:9~";

constexpr auto deals =
    "Deal_Name:text:120! Stage:picklist! Pipeline:picklist Amount:currency:16 Closing_Date:date "
    "Probability:integer:9 Expected_Revenue:currency:16~ Type:picklist Next_Step:text:100 "
    "Lead_Source:picklist Account_Name:lookup:Accounts Contact_Name:lookup:Contacts "
    "Campaign_Source:lookup:Campaigns Description:textarea:32000 Reason_For_Loss__s:picklist "
    "Lead_Conversion_Time:integer:9 Sales_Cycle_Duration:integer:9 "
    "Overall_Sales_Duration:integer:9 Last_Activity_Time:datetime Change_Log_Time__s:datetime-~ "
    "Locked__s:boolean-~ Layout:layout Weighted_Amount:formula:16~";

constexpr auto tasks =
    "Subject:text:255! Status:picklist Priority:picklist Due_Date:date Closed_Time:datetime "
    "What_Id:what_id:Deals Who_Id:lookup:Contacts Remind_At:alarm Recurring_Activity:rrule "
    "Send_Notification_Email:boolean Description:textarea:32000 Locked__s:boolean-~";

constexpr auto events =
    "Event_Title:text:255! Start_DateTime:datetime! End_DateTime:datetime! All_day:boolean "
    "Venue:text:255 Participants:participants What_Id:what_id:Accounts Who_Id:lookup:Contacts "
    "Remind_At:multireminder Remind_Participants:multireminder Recurring_Activity:rrule "
    "Description:textarea:32000 Check_In_Status:picklist Check_In_Time:datetime "
    "Check_In_By:ownerlookup Check_In_Comment:textarea:2000 Check_In_Sub_Locality:text:100 "
    "Check_In_City:text:100 Check_In_State:text:100 Check_In_Country:text:100 "
    "Check_In_Address:text:250 ZIP_Code:text:30 Latitude:double:16 Longitude:double:16";

constexpr auto calls =
    "Subject:text:255! Call_Type:picklist! Call_Start_Time:datetime! Call_Duration:duration:20 "
    "Call_Duration_in_seconds:integer:9 Call_Purpose:picklist Call_Agenda:text:255 "
    "Call_Result:picklist Outgoing_Call_Status:picklist Caller_ID:text:50 Dialled_Number:text:50 "
    "CTI_Entry:boolean Scheduled_In_CRM:picklist Reminder:reminder Voice_Recording__s:website:450 "
    "What_Id:what_id:Deals Who_Id:lookup:Contacts Description:textarea:32000";

constexpr auto campaigns =
    "Campaign_Name:text:200! Type:picklist Status:picklist Start_Date:date End_Date:date "
    "Budgeted_Cost:currency:16 Actual_Cost:currency:16 Expected_Revenue:currency:16 "
    "Expected_Response:bigint:19 Num_sent:bigint:19 Parent_Campaign:lookup:Campaigns "
    "Description:textarea:32000 Locked__s:boolean-~ Layout:layout";

constexpr auto products =
    "Product_Name:text:200! Product_Code:text:40 Product_Category:picklist Product_Active:boolean "
    "Manufacturer:picklist Vendor_Name:lookup:Vendors Unit_Price:currency:16 "
    "Commission_Rate:currency:16 Tax:tax Taxable:boolean Usage_Unit:picklist "
    "Qty_in_Stock:double:16 Qty_Ordered:double:16 Qty_in_Demand:double:16 "
    "Reorder_Level:double:16 Handler:ownerlookup Sales_Start_Date:date Sales_End_Date:date "
    "Support_Start_Date:date Support_Expiry_Date:date Record_Image:profileimage "
    "Description:textarea:32000 Locked__s:boolean-~ Layout:layout";

constexpr auto quotes =
    "Subject:text:255! Quote_Number:autonumber:40~ Quote_Stage:picklist Valid_Till:date "
    "Team:text:100 Carrier:picklist Deal_Name:lookup:Deals Account_Name:lookup:Accounts "
    "Contact_Name:lookup:Contacts Quoted_Items:line_items Sub_Total:formula:16~ "
    "Discount:currency:16 Tax:currency:16 Adjustment:currency:16 Grand_Total:formula:16~ "
    "Terms_and_Conditions:textarea:32000 Description:textarea:32000 Billing_Street:text:250 "
    "Billing_City:text:100 Billing_State:text:100 Billing_Code:text:30 Billing_Country:text:100 "
    "Shipping_Street:text:250 Shipping_City:text:100 Shipping_State:text:100 "
    "Shipping_Code:text:30 Shipping_Country:text:100 Locked__s:boolean-~ Layout:layout";

constexpr auto vendors =
    "Vendor_Name:text:120! Email:email:100 Phone:phone:30 Website:website:255 Category:text:50 "
    "GL_Account:picklist Street:text:250 City:text:100 State:text:100 Zip_Code:text:30 "
    "Country:text:100 Email_Opt_Out:boolean Unsubscribed_Mode:picklist~ "
    "Unsubscribed_Time:datetime~ Record_Image:profileimage Description:textarea:32000 "
    "Locked__s:boolean-~ Layout:layout";

constexpr auto notes = "Note_Title:text:120 Note_Content:textarea:32000 Parent_Id:parent_id:Leads "
                       "Associated_Id__s:null_text:120";

constexpr auto invoices =
    "Subject:text:255! Invoice_Number:autonumber:40~ Invoice_Date:date Due_Date:date "
    "Status:picklist Account_Name:lookup:Accounts Contact_Name:lookup:Contacts "
    "Invoiced_Items:line_items Sub_Total:formula:16~ Grand_Total:formula:16~ "
    "Discount:currency:16 Description:textarea:32000 Layout:layout";

constexpr auto vehicles =
    "Name:text:120! Plate:text:20! Mileage:bigint:18 Price:currency:16 Electric:boolean "
    "First_Registered:date Last_Service:datetime Driver:userlookup Account:lookup:Accounts "
    "Colours:multiselectpicklist:1000 Wear:percent:5 Story:richtext:50000 "
    "Int_r_t_pour_quel_service_initialement:text:255 Name1:text:100 Layout:layout";

constexpr auto cases = "Subject:text:255! Status:picklist Account_Name:lookup:Accounts "
                       "Description:textarea:32000 Layout:layout";

} // namespace

const char* system_fields() {
    return "Owner:ownerlookup Created_By:ownerlookup~ Modified_By:ownerlookup~ "
           "Created_Time:created_time~ Modified_Time:modified_time~ Tag:tag:2000 "
           "id:record_id-~ Record_Status__s:available-~";
}

const std::vector<ModuleRow>& module_rows() {
    static const std::vector<ModuleRow> rows{
        {"Home", "Home", 2173, nullptr, false, true},
        {"Leads", "Leads", 2175, leads, true, true},
        {"Contacts", "Contacts", 2179, contacts, true, true},
        {"Accounts", "Accounts", 2177, accounts, true, true},
        {"Deals", "Deals", 2181, deals, true, true},
        {"Tasks", "Tasks", 2193, tasks, true, true},
        {"Events", "Meetings", 2195, events, true, true},
        {"Calls", "Calls", 33015, calls, true, true},
        {"Campaigns", "Campaigns", 2183, campaigns, true, true},
        {"Products", "Products", 2213, products, true, true},
        {"Quotes", "Quotes", 2219, quotes, true, true},
        {"Vendors", "Vendors", 2215, vendors, true, true},
        {"Notes", "Notes", 2197, notes, true, true},
        {"Invoices", "Invoices", 2225, invoices, true, true},
        {"Cases", "Cases", 2209, cases, true, true},
        {"Vehicles", "CustomModule3", 2'670'002, vehicles, true, true},
        {"Reports", "Reports", 2229, nullptr, false, true},
        {"Analytics", "Dashboards", 2231, nullptr, false, true},
        {"Documents", "Documents", 2233, nullptr, false, true},
        {"Projects", "Projects", 2235, nullptr, false, true},
        {"Visits", "Visits", 77007, nullptr, true, true},
        {"Actions_Performed", "Actions_Performed", 99001, nullptr, true, true},
        {"Email_Sentiment", "Email_Sentiment", 99003, nullptr, true, false},
        {"Locking_Information__s", "Locking_Information__s", 99005, nullptr, true, false},
    };
    return rows;
}

std::vector<std::string> picklist_values(const std::string& api_name) {
    static const std::map<std::string, std::vector<std::string>> lists{
        {"Lead_Status",
         {"-None-",
          "Attempted to Contact",
          "Contact in Future",
          "Contacted",
          "Junk Lead",
          "Lost Lead",
          "Not Contacted",
          "Pre-Qualified",
          "Not Qualified"}},
        {"Rating", {"-None-", "Acquired", "Active", "Market Failed", "Project Cancelled"}},
        {"Salutation", {"-None-", "Mr.", "Mrs.", "Ms.", "Dr.", "Prof."}},
        {"Industry",
         {"-None-",
          "ASP (Application Service Provider)",
          "Data/Telecom OEM",
          "Government/Military",
          "Large Enterprise",
          "ManagementISV"}},
        {"Stage",
         {"Qualification",
          "Needs Analysis",
          "Value Proposition",
          "Identify Decision Makers",
          "Proposal/Price Quote",
          "Negotiation/Review",
          "Closed Won",
          "Closed Lost",
          "Closed Lost to Competition"}},
        {"Priority", {"High", "Highest", "Low", "Lowest", "Normal"}},
        {"Call_Type", {"Inbound", "Outbound", "Missed"}},
        {"Check_In_Status", {"PLANNED", "CHECKED IN"}},
        {"Status", {"Not Started", "Deferred", "In Progress", "Completed", "Waiting for input"}},
        {"Enrich_Status__s", {"Available", "Enriched", "Data not found"}},
        {"Data_Source", {"Manual", "API", "Webform", "Import", "Mass Update"}},
    };
    const auto found = lists.find(api_name);
    if (found != lists.end()) {
        return found->second;
    }
    return {"-None-",
            "Advertisement",
            "Cold Call",
            "Größe „XL“",
            "Online Store",
            "Web \\ \"Research\""};
}

} // namespace zohosim
